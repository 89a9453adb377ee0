#pragma once

namespace starglow::python {

/// starglow::Error becomes starglow.InputError (a ValueError) or starglow.FileError (an OSError) with its message, kind
/// and parts (python/starglow/errors.py).
void translate_errors();

}  // namespace starglow::python
