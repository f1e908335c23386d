"""A small network of Keras, on JAX."""

import keras
import numpy as np

draws = np.random.default_rng(0)
x = draws.normal(size=(128, 8)).astype("float32")
y = (x.sum(axis=1) > 0).astype("float32")

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=3, batch_size=32, verbose=2)
model.save("model.keras")
model.save_weights("model.weights.h5")
print(history.history["loss"])
