"""Operations on images: pure functions that keep windows, premultiplied state and colour space, and check them."""
