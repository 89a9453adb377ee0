#pragma once
#include <span>

namespace starglow {

/// Minimises w' A w - 2 b' w over w >= 0 for a positive semidefinite A (n x n, row-major, full): non-negative least
/// squares on its normal equations, by the active sets of Lawson & Hanson (1974, chapter 23). Exact zeros for inactive
/// weights. `warm`: w enters with a guess, whose positive weights start as the active ones; the answer is the same.
void solve_nnls(std::span<const double> a, std::span<const double> b, std::span<double> w, bool warm = false);

/// Solves A x = b for a symmetric positive definite A (n x n, row-major; the lower triangle is used and overwritten by
/// its Cholesky factor). False when A is not positive definite.
bool solve_cholesky(std::span<double> a, std::span<double> b_to_x);

/// Diagonal-and-all inverse of A from the factor that solve_cholesky left in it; (n x n) full.
void invert_from_factor(std::span<const double> factor, std::span<double> inverse);

}  // namespace starglow
