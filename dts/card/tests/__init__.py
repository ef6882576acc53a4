# SPDX-License-Identifier: BSD-3-Clause
"""One test, one question."""
