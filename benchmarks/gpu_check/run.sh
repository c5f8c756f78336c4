#!/bin/sh
# Run the check from an unpacked bundle, with the Python that has torch: PYTHON=python3 sh run.sh [--device cuda:0] ...
# The wheels go into a folder beside this file and not into an environment: one made of an environment, as torch often
# lies in, would not see what that holds.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if [ ! -d "$here/site" ]; then
    "$python" -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-compile \
        --find-links "$here/wheels" --target "$here/site" "$here"/wheels/*.whl
fi
PYTHONPATH="$here:$here/site${PYTHONPATH:+:$PYTHONPATH}" exec "$python" -m benchmarks.gpu_check "$@"
