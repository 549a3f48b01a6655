# SPDX-License-Identifier: Apache-2.0
"""Measure what KVM installs at stage 2 for the regions of a VFIO device, on a real kernel."""
