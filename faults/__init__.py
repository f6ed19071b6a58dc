"""The harness that goes on looking: a sale, a crowd, something that goes wrong, and what must be true afterwards.

python -m faults --list                      the rows
python -m faults --row redis-killed --seed 7 one row; the same seed plays the same crowd and the same moments
python -m faults --times 20 --lanes 2 --into FOLDER
                                             every row twenty times, two systems side by side; may be gone on with
python -m faults --minutes 30                rows by chance, one after the other, for this long
"""
