"""The first page of the administration in figures: counted in few queries, drawn as SVG."""
