"""Pictures with and without a bright spot, in memory, as the loader takes them."""

import numpy as np

from ihd_core.labels import LABELS, SUBTYPES, Label
from training.data.slice_table import SliceTable

CELL = 16


class BrightSpots:
    """Brain of 30 HU with noise; every second picture holds a square of blood whose cells are known."""

    def __init__(self, count=24, side=64, scan_length=4, seed=0):
        rng = np.random.default_rng(seed)
        self.side = side
        self.pictures = np.rint(rng.normal(30, 4, (count, side, side))).astype(np.int16)
        self.stored_cells = np.zeros((count, len(SUBTYPES), side // CELL, side // CELL), np.uint8)
        truth = np.zeros((count, len(LABELS)), np.int8)
        for row in range(0, count, 2):
            top, left = rng.integers(0, side // CELL, 2)
            self.pictures[row, top * CELL : (top + 1) * CELL, left * CELL : (left + 1) * CELL] += 40
            label = SUBTYPES[row // 2 % len(SUBTYPES)]
            self.stored_cells[row, label.column, top, left] = 255
            truth[row, [label.column, Label.ANY.column]] = 1
        scans = np.array([f"scan{row // scan_length}" for row in range(count)])
        names = np.array([f"ID_{row:09d}" for row in range(count)])
        self.table = SliceTable(
            names, names, scans, scans, scans, scans, np.arange(count, dtype=np.float64), truth, truth.copy()
        )

    def hu(self, row):
        return self.pictures[row]

    def cells(self, row):
        return self.stored_cells[row]

    def neighbour_rows(self, count):
        scans = self.table.scan_of_row()
        rows = np.arange(len(self.table))
        columns = [rows]
        for distance in range(1, count + 1):
            for sign in (-1, 1):
                there = np.clip(rows + sign * distance, 0, len(rows) - 1)
                columns.append(np.where(scans[there] == scans, there, rows))
        return np.stack(columns, axis=1)
