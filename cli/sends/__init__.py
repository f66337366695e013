"""`relance sends`: the switch that holds every send of the installation."""
