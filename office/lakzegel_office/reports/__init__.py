# SPDX-License-Identifier: EUPL-1.2
"""The office's report: what is proven, what is not, and for each row of the guidance its evidence.

docs/spec/report.md. Facts are gathered first (`gathering`), without a word for people; pages, plots
and the signed statement are made of those facts alone, the same for the same mirror and moment.
"""
