// x86-64-v2. Compiled with -march=x86-64-v2; exports one symbol.
#define STARGLOW_VECTOR_BYTES 16
#define STARGLOW_TILE_ROWS 4
#define STARGLOW_TILE_VECTORS 2
#define STARGLOW_TABLE k_table_v2
#define STARGLOW_ISA_NAME "x86-64-v2"
#include "kernels/body.hpp"
