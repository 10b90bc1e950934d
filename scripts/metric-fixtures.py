"""Writes test/fixtures/metrics.json: what scikit-learn, SciPy and Python make of what src/tasks measures.

    apt-get install python3-sklearn python3-scipy    # Debian 12: 1.2.1 and 1.10.1; any later ones will do
    python3 scripts/metric-fixtures.py               # from the root of the project; takes a few seconds

The fixtures are committed, so that the tests need no Python: run this only to change what is compared. The oracles are
accuracy_score, f1_score and matthews_corrcoef of scikit-learn, and pearsonr and spearmanr of SciPy, whose NaN for constants
is written as null. Answers are normalised by Python's own str.lower, string.punctuation, \\b and str.split, in the order in
which SQuAD's evaluation names these steps.
"""

import json
import math
import os
import platform
import random
import re
import string
import warnings

import scipy
import sklearn
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

PATH = os.path.join(os.path.dirname(__file__), "..", "test", "fixtures", "metrics.json")
# Constants make scikit-learn and SciPy warn; what they return is what is wanted.
warnings.filterwarnings("ignore")


def labels(about, predicted, actual):
    case = {
        "about": about,
        "predicted": predicted,
        "actual": actual,
        "accuracy": accuracy_score(actual, predicted),
        "matthews": matthews_corrcoef(actual, predicted),
    }
    if set(predicted) | set(actual) <= {0, 1}:
        case["f1"] = f1_score(actual, predicted)
    return case


def finite(value):
    return None if math.isnan(value) else float(value)


def scores(about, predicted, actual):
    return {
        "about": about,
        "predicted": predicted,
        "actual": actual,
        "pearson": finite(pearsonr(predicted, actual)[0]),
        "spearman": finite(spearmanr(predicted, actual)[0]),
    }


def drawn_labels(source, size, classes, rare):
    """Labels of which all but the first are together as frequent as `rare`, and predictions that are often right."""
    def draw():
        return source.randrange(1, classes) if source.random() < rare else 0

    actual = [draw() for _ in range(size)]
    return [label if source.random() < 0.7 else draw() for label in actual], actual


def normalised(text):
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


ANSWERS = [
    "The  Tower, of\tLondon!",
    "a",
    "An apple a day; the end.",
    "theatre and anthem",
    "U.S.A.",
    "the-cat",
    "A.A. Milne",
    "$5,000.00 (the price)",
    "caf\u00e9 a la carte",
    "\u00e9a \u00e9an",
    "\u00c0 the\u00e2tre",
    "a\u0301 b",
    "\u00c9COLE THE \u0130stanbul",
    "\u03a3\u03a3\u03a3 an \u039f\u0394\u039f\u03a3",
    "x\u00a0the\u2003y\u3000z",
    "\u201cthe quoted\u201d \u2014 a dash",
    "\u4e2d a\u4e2d the \u4e2d",
    "a\u00b2 the\u2167 an_",
    "",
    " \n ",
    "!?.",
]


def main():
    source = random.Random(1)
    label_cases = [
        labels("all right", [0, 1, 1, 0], [0, 1, 1, 0]),
        labels("all wrong", [1, 0, 0, 1], [0, 1, 1, 0]),
        labels("only zeros predicted", [0, 0, 0, 0], [0, 1, 1, 0]),
        labels("only ones predicted", [1, 1, 1, 1], [0, 1, 1, 0]),
        labels("only zeros true", [0, 1, 0, 1], [0, 0, 0, 0]),
        labels("zeros alone", [0, 0, 0], [0, 0, 0]),
        labels("ones alone", [1, 1, 1], [1, 1, 1]),
        labels("one example, right", [1], [1]),
        labels("one example, wrong", [0], [1]),
        labels("three classes, one never predicted", [0, 1, 1, 0, 0], [0, 1, 2, 2, 0]),
    ]
    for size, classes, rare in [
        (5, 2, 0.5), (17, 2, 0.5), (100, 2, 0.5), (100, 2, 0.05), (400, 2, 0.01), (1000, 2, 0.3), (1000, 2, 0.97),
        (20, 3, 0.67), (300, 3, 0.67), (300, 3, 0.1), (200, 7, 0.8),
    ]:
        label_cases.append(labels(f"{size} of {classes} classes", *drawn_labels(source, size, classes, rare)))

    score_cases = [
        scores("two, rising", [1.0, 2.0], [0.5, 0.75]),
        scores("two, falling", [2.0, 1.0], [0.5, 0.75]),
        scores("a line", [0.1, 0.2, 0.3, 0.4], [1.0, 3.0, 5.0, 7.0]),
        scores("rising, no line", [1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0]),
        scores("constant predictions", [0.1, 0.1, 0.1], [1.0, 2.0, 3.0]),
        scores("constant truths", [1.0, 2.0, 3.0], [0.1, 0.1, 0.1]),
        scores("both constant", [2.0, 2.0], [5.0, 5.0]),
        scores("all but one tied", [1.0, 1.0, 1.0, 2.0], [3.0, 1.0, 2.0, 4.0]),
        scores("ties on both sides", [1.0, 2.0, 2.0, 3.0, 3.0, 3.0], [2.0, 2.0, 1.0, 3.0, 1.0, 3.0]),
        scores("unrelated by symmetry", [-1.0, 0.0, 1.0], [1.0, 0.0, 1.0]),
        scores("large and small", [1e200, 2e200, 4e200], [1e-200, 3e-200, 2e-200]),
    ]
    for size, noise, step in [(3, 1, 0), (10, 1, 0), (10, 3, 0.5), (100, 0.3, 0), (100, 3, 0.25), (500, 1, 1), (1000, 2, 0)]:
        actual = [round(source.uniform(0, 5), 3) for _ in range(size)]
        predicted = [score + source.gauss(0, noise) for score in actual]
        if step > 0:
            actual = [round(score / step) * step for score in actual]
            predicted = [round(score / step) * step for score in predicted]
        score_cases.append(scores(f"{size} with noise of {noise} in steps of {step}", predicted, actual))

    fixtures = {
        "versions": {
            "scikit-learn": sklearn.__version__,
            "scipy": scipy.__version__,
            "python": platform.python_version(),
        },
        "labels": label_cases,
        "scores": score_cases,
        "answers": [{"text": text, "normalised": normalised(text)} for text in ANSWERS],
    }
    with open(PATH, "w", encoding="utf-8") as file:
        for place, (name, value) in enumerate(fixtures.items()):
            file.write(("{\n" if place == 0 else ",\n") + json.dumps(name) + ": ")
            rows = ",\n".join("  " + json.dumps(row) for row in value) if isinstance(value, list) else ""
            file.write(f"[\n{rows}\n]" if rows else json.dumps(value))
        file.write("\n}\n")


main()
