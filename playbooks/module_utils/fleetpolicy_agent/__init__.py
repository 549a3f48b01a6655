# SPDX-License-Identifier: Apache-2.0
"""The program that runs on a host: look at it, change its files; standard library only."""
