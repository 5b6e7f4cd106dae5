"""The figures. Each file computes what it shows as frozen data first, and then draws it with plotly."""
