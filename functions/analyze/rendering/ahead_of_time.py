"""What a build does once so that no report has to: compiles the templates and packs plotly.js.

python -m rendering.ahead_of_time
"""

from rendering.offline import pack_plotly
from rendering.templating import compile_templates

if __name__ == "__main__":
    compile_templates()
    pack_plotly()
