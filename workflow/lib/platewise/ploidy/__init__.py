"""How much DNA nuclei hold: polyploid cells, and cells that stopped in one phase of their cycle."""
