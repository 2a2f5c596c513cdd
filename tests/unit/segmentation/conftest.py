"""The stub networks beside this file, under their own name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
