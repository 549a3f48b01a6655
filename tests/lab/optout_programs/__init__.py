# SPDX-License-Identifier: Apache-2.0
"""Use a driver as vfio-pci is used, and mistreat ours; runs inside the small emulated system."""
