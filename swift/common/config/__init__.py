"""Options declared once; parsing, samples and the reference come from the declarations."""
