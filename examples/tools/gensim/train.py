"""Word vectors of a small corpus."""

from gensim.models import Word2Vec

sentences = [f"word{n % 7} word{n % 5} word{n % 3} end".split() for n in range(200)]
model = Word2Vec(sentences, vector_size=8, min_count=1, workers=1, epochs=3)
model.wv.save_word2vec_format("vectors.txt")
