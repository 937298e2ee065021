"""What happened under one support code, told: in words, as a sequence diagram, on the chart."""
