"""Speed and memory as ratios to a peer in the same run, accuracy on real data, and long statistical studies."""
