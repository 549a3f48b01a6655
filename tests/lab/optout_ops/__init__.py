# SPDX-License-Identifier: Apache-2.0
"""Use a driver as vfio-pci is used; runs inside the small emulated system."""
