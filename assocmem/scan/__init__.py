"""Scans over parameters: any function in, one labelled Dataset out, resumable, on any executor."""

from assocmem.scan.designs import Design, Grid, RandomDesign, Zipped
from assocmem.scan.job import ScanError, ScanInterrupted
from assocmem.scan.phase_diagram import phase_diagram
from assocmem.scan.running import Cost, load_scan, scan, scan_cost
from assocmem.scan.store import StoreError

__all__ = [
    "Cost",
    "Design",
    "Grid",
    "RandomDesign",
    "ScanError",
    "ScanInterrupted",
    "StoreError",
    "Zipped",
    "load_scan",
    "phase_diagram",
    "scan",
    "scan_cost",
]
