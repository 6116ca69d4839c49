"""How ceci runs a stage: ``python3 -m lamost_rare_ceci STAGE ...``."""

import sys

from ceci import PipelineStage

sys.exit(PipelineStage.main())
