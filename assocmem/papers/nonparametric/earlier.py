"""Sums of squared errors that an earlier, independent implementation measured, per cue, for memories of images.

It drew 20 sets of patterns (8 of colour crops) with other random numbers; one step from cues whose upper half is 0, or
with Gaussian noise. Its MNIST were the 5000 images of a subset; ours are the test images.
"""

from __future__ import annotations

from assocmem.papers.nonparametric.models import DENSE, LINEAR, MASKED, SPARSE, TOP

SHARE = 0.1  # by which we may differ, besides the errors of sampling
REASON = "10 % and two standard errors of the difference"
N_DRAWS, N_DRAWS_CROPS = 20, 8
PRINCIPAL = (DENSE, SPARSE, *TOP, *MASKED, LINEAR)
RELU_FEATURE, POSITIVE_FEATURE = "random feature, ReLU", "random feature, exp"
_SUCCESS = {  # of MNIST, apparently by the clipped mean square, by number of patterns
    10: (0.99, 1.0, 1.0, 1.0, 1.0, 0.80, 0.56, 0.21, 0.42),
    50: (0.92, 1.0, 0.98, 0.96, 0.94, 0.84, 0.66, 0.42, 0.25),
    100: (0.82, 1.0, 0.93, 0.88, 0.85, 0.76, 0.66, 0.44, 0.19),
    200: (0.69, 0.99, 0.84, 0.76, 0.71, 0.67, 0.62, 0.47, 0.18),
}
_DIGITS = {
    10: (9.41, 1.39, 3.57, 7.01, 8.73, 12.7, 20.0, 39.0, 28.3),
    20: (14.15, 2.19, 7.29, 11.35, 13.36, 15.8, 19.2, 30.0, 30.1),
    50: (18.50, 3.71, 11.74, 15.67, 17.69, 19.1, 20.6, 25.3, 31.6),
    100: (20.39, 4.67, 13.70, 17.52, 19.57, 20.6, 21.3, 23.6, 32.0),
    200: (21.48, 5.65, 15.03, 18.66, 20.67, 21.6, 21.9, 23.0, 32.2),
}
_DIGITS_FEATURES = {10: (25.1, 16.1), 50: (29.7, 23.7), 100: (30.2, 25.2), 200: (30.5, 25.8)}
_MNIST = {
    10: (100, 5.8, 36, 72, 92, 186, 342, 706, 466),
    20: (164, 13.7, 87, 133, 154, 206, 337, 590, 527),
    50: (250, 23, 156, 212, 238, 275, 339, 451, 530),
    100: (315, 36, 223, 278, 304, 331, 353, 436, 539),
    200: (362, 52, 277, 326, 351, 368, 380, 426, 543),
}
_CROPS = {
    10: (148, 155, 148, 148, 148, 292, 411, 1441, 1532),
    50: (444, 455, 444, 444, 444, 478, 498, 634, 1736),
    100: (479, 493, 479, 479, 479, 509, 569, 613, 1631),
    200: (485, 502, 485, 485, 485, 526, 589, 665, 1651),
}


def _by_model(table, names):
    return {name: {n: row[i] for n, row in table.items()} for i, name in enumerate(names)}


# errors by set of images, model and number of patterns
HALF_MASK = {
    "digits": _by_model(_DIGITS, PRINCIPAL) | _by_model(_DIGITS_FEATURES, (RELU_FEATURE, POSITIVE_FEATURE)),
    "MNIST": _by_model(_MNIST, PRINCIPAL),
    "crops": _by_model(_CROPS, PRINCIPAL),
}
# error of 100 images of MNIST by (pixels, beta), then by model
SETTINGS = {
    ("standardised", 784**-0.5): dict(zip(PRINCIPAL, (40, 13.5, 38, 39.8, 40.3, 123, 255, 477), strict=False)),
    ("0 to 1", 1.0): dict(zip(PRINCIPAL, (15.2, 19.0, 15.2, 15.2, 15.2, 25, 41, 64), strict=False)),
    ("0 to 1", 0.01): dict(zip(PRINCIPAL, (51, 28, 39, 45, 49, 52, 52, 52), strict=False)),
}
SUCCESS = _by_model(_SUCCESS, PRINCIPAL)
# of 100 images of MNIST with noise of variance 0.1 and 1.4
NOISE = {
    0.1: dict(zip(PRINCIPAL, (107, 5.3, 71, 93, 103, 156, 245, 383, 536), strict=True)),
    1.4: dict(zip(PRINCIPAL, (111, 7.1, 76, 97, 107, 159, 248, 387, 539), strict=True)),
}
