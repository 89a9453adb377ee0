// x86-64-v4. Compiled with -march=x86-64-v4; exports one symbol.
#define STARGLOW_VECTOR_BYTES 64
#define STARGLOW_TILE_ROWS 6
#define STARGLOW_TILE_VECTORS 4
#define STARGLOW_TABLE k_table_v4
#define STARGLOW_ISA_NAME "x86-64-v4"
#include "kernels/body.hpp"
