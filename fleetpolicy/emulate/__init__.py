"""Emulate arm64 machines: Debian's kernels and packages under QEMU, kept in a cache."""
