# SPDX-License-Identifier: BSD-3-Clause
"""The questions that only a card can answer, asked of two hosts over ssh."""
