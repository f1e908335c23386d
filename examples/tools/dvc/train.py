import json

with open("data.csv") as file:
    values = [float(line) for line in file]
with open("metrics.json", "w") as file:
    json.dump({"mean": sum(values) / len(values)}, file)
