# SPDX-License-Identifier: BSD-3-Clause
"""What a suite imports: the process and its shell, virtual machines, Linux peers, packets."""
