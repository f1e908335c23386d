set -eu
papermill --no-progress-bar notebook.ipynb out.ipynb -p steps 5
jupyter nbconvert --to html out.ipynb
