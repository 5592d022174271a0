"""Loading models: embedded, from folders and the hub, drafters, and the ensemble that a cascade decodes with."""
