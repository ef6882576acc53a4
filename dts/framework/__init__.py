# SPDX-License-Identifier: BSD-3-Clause
"""What the suites stand on: processes, network namespaces, links, switches, topologies."""
