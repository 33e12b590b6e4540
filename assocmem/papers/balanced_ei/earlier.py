"""Numbers of an earlier and independent implementation of the same equations, for comparison.

The paper's constants and panels were not available to us, so most of its findings come without a number. The numbers
below were measured by plain NumPy code, written before this package, on networks trained by the three-term cost (100 E
and 50 I units, 30 log-normal patterns of mean and sd 5 Hz, drive 7 mV, gain 0.04 Hz/mV^2, one seed, about 400
iterations; the plain mean over patterns, but for RECALLED_BY the hinge). They hold for that size only and are compared
at that size only.
"""

# fraction recalled against cue noise (sd), inhibitory units starting at their mean over patterns
RECALLED = {0.5: 1.0, 1.0: 0.95, 1.5: 0.84, 2.0: 0.64}
# fraction recalled against the fraction of excitatory units resampled
RECALLED_RESAMPLED = {0.1: 0.99, 0.2: 0.92, 0.3: 0.83, 0.5: 0.54}
# fraction recalled against the time (ms) after a cue with 0.5 sd
RECALLED_BY = {50.0: 0.23, 100.0: 0.70, 200.0: 0.96, 400.0: 1.0}
# fraction of patterns held for 2 s against the noise (mV)
HELD = {0.25: 1.0, 0.5: 0.96, 1.0: 0.53, 2.0: 0.06}
# variance after / before the onset of one stimulus, against its amplitude and the noise (mV)
VARIANCE_RATIO = {
    (0.25, 1.0): 0.14,
    (0.25, 2.0): 0.34,
    (0.25, 3.0): 0.49,
    (0.5, 1.0): 0.13,
    (0.5, 2.0): 0.29,
    (0.5, 3.0): 0.40,
}
# mean recurrent currents of the excitatory units, mV, with their standard deviations over units and patterns
EXCITATION, INHIBITION = (21.9, 5.9), (18.8, 4.4)
# correlation of excitation with minus inhibition, over units and patterns together
CURRENT_CORRELATION = (0.67, 0.77)
