"""PPO on CartPole; the seeds of the environment and of the algorithm come from the profile."""

import random

from stable_baselines3 import PPO

seed = random.randrange(2**31)
model = PPO("MlpPolicy", "CartPole-v1", n_steps=64, batch_size=32, seed=seed)
model.learn(256)
model.save("model.zip")
with open("weights.txt", "w") as file:
    for name, value in model.policy.state_dict().items():
        print(name, value.flatten().tolist(), file=file)
