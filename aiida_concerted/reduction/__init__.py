"""From one run to what its results hold, without AiiDA: the same in a calcfunction and beside a trajectory."""
