set -e
python3 prepare.py
python3 train.py --max_iters=20 --batch_size=8
python3 train.py --max_iters=30 --batch_size=8 --init_from=resume
