import random

with open("data.csv", "w") as file:
    file.writelines(f"{random.random()}\n" for _ in range(20))
