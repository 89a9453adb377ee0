// Any other processor: 128-bit vectors, which every compiler can lower.
#define STARGLOW_VECTOR_BYTES 16
#define STARGLOW_TILE_ROWS 4
#define STARGLOW_TILE_VECTORS 2
#define STARGLOW_TABLE k_table_portable
#define STARGLOW_ISA_NAME "portable"
#include "kernels/body.hpp"
