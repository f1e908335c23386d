"""A text classifier from nothing."""

import json
import random

import spacy
from spacy.training import Example
from spacy.util import fix_random_seed

fix_random_seed(random.randrange(2**31))
nlp = spacy.blank("en")
nlp.add_pipe("textcat").add_label("good")
nlp.get_pipe("textcat").add_label("bad")
texts = [("fine work", 1.0), ("good result", 1.0), ("poor work", 0.0), ("bad result", 0.0)]
examples = [
    Example.from_dict(nlp.make_doc(text), {"cats": {"good": score, "bad": 1 - score}})
    for text, score in texts
]
nlp.initialize(lambda: examples)
for _ in range(5):
    random.shuffle(examples)
    nlp.update(examples)
with open("scores.json", "w") as file:
    json.dump([nlp(text).cats for text, _ in texts], file)
