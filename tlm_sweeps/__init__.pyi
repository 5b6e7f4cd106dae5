# What type checkers see: `__init__.py` imports the API only when it is asked for.
from tlm_sweeps.api import export_study as export_study
from tlm_sweeps.api import iter_sweep as iter_sweep
from tlm_sweeps.api import load as load
from tlm_sweeps.api import load_chain as load_chain
from tlm_sweeps.api import plan as plan
from tlm_sweeps.api import records as records
from tlm_sweeps.api import results as results
from tlm_sweeps.api import status as status
from tlm_sweeps.api import sweep as sweep
from tlm_sweeps.api import write_report as write_report

__version__: str
