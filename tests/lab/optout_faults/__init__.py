# SPDX-License-Identifier: Apache-2.0
"""Mistreat the driver that withholds Normal-NC; runs inside the small emulated system."""
