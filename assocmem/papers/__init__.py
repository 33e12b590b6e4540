"""Reproduction of papers: experiments that compute, plot and check what a paper found."""

from assocmem.papers.adaptive import PAPER as _ADAPTIVE
from assocmem.papers.balanced_ei import PAPER as _BALANCED_EI
from assocmem.papers.base import Claim, Experiment, Paper, Run, select
from assocmem.papers.cdam import PAPER as _CDAM
from assocmem.papers.fenchel_young import PAPER as _FENCHEL_YOUNG
from assocmem.papers.nonparametric import PAPER as _NONPARAMETRIC
from assocmem.papers.push_pull import PAPER as _PUSH_PULL
from assocmem.papers.record import claims_table, merge_claims, read_claims
from assocmem.papers.reproduce import Outcome, reproduce
from assocmem.papers.studies import PAPER as _STUDIES

PAPERS = {
    paper.name: paper
    for paper in (_BALANCED_EI, _PUSH_PULL, _CDAM, _FENCHEL_YOUNG, _NONPARAMETRIC, _ADAPTIVE, _STUDIES)
}

__all__ = [
    "PAPERS",
    "Claim",
    "Experiment",
    "Outcome",
    "Paper",
    "Run",
    "claims_table",
    "merge_claims",
    "read_claims",
    "reproduce",
    "select",
]
