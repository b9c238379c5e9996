/* Planar float32 pictures written past the cache.

An ordinary store first reads the memory that it is about to overwrite. For a picture larger than the cache that is a
quarter of all traffic of an `over`. The stores here do not read, which Python's libraries offer no way to ask for.
Addresses and strides come checked from stream.py; strides are in floats, and the columns of a row lie side by side. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define STREAMING 1
#else
#define STREAMING 0
#endif

typedef struct {
    const float *first;
    Py_ssize_t plane, row;
} Plane;

/* A piece of this many pixels is done in all channels before the next, so that its alpha is read from memory once. */
enum { PIECE = 512 };

static void lay_piece(const float *a, const float *b, const float *alpha, float *out, Py_ssize_t count)
{
    Py_ssize_t i = 0;
#if STREAMING
    const __m128 one = _mm_set1_ps(1.0f);
    for (; i < count && ((uintptr_t)(out + i) & 15); i++)
        out[i] = a[i] + b[i] * (1.0f - alpha[i]);
    for (; i + 4 <= count; i += 4) {
        __m128 clear = _mm_sub_ps(one, _mm_loadu_ps(alpha + i));
        _mm_stream_ps(out + i, _mm_add_ps(_mm_loadu_ps(a + i), _mm_mul_ps(_mm_loadu_ps(b + i), clear)));
    }
#endif
    for (; i < count; i++)
        out[i] = a[i] + b[i] * (1.0f - alpha[i]);
}

/* Pieces end where a line of the cache does, since a line that is written in two goes is slow. */
static void lay_row(Plane a, Plane b, Plane alpha, Plane out, Py_ssize_t channels, Py_ssize_t y, Py_ssize_t columns)
{
    Py_ssize_t past = (Py_ssize_t)((uintptr_t)(out.first + y * out.row) / sizeof(float) % 16);
    for (Py_ssize_t x = 0, next = PIECE - past; x < columns; x = next, next += PIECE)
        for (Py_ssize_t c = 0; c < channels; c++)
            lay_piece(a.first + c * a.plane + y * a.row + x, b.first + c * b.plane + y * b.row + x,
                      alpha.first + y * alpha.row + x, (float *)out.first + c * out.plane + y * out.row + x,
                      (next < columns ? next : columns) - x);
}

static PyObject *over(PyObject *module, PyObject *arguments)
{
    Py_ssize_t channels, rows, columns, places[4];
    Plane p[4];
    (void)module;
    if (!PyArg_ParseTuple(arguments, "(nnn)(nnn)(nnn)(nnn)(nnn)", &channels, &rows, &columns,
                          &places[0], &p[0].plane, &p[0].row, &places[1], &p[1].plane, &p[1].row,
                          &places[2], &p[2].plane, &p[2].row, &places[3], &p[3].plane, &p[3].row))
        return NULL;
    for (int i = 0; i < 4; i++)
        p[i].first = (const float *)places[i];
    Py_BEGIN_ALLOW_THREADS
    for (Py_ssize_t y = 0; y < rows; y++)
        lay_row(p[0], p[1], p[2], p[3], channels, y, columns);
#if STREAMING
    _mm_sfence();
#endif
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"over", over, METH_VARARGS, "over((C, H, W), a, b, alpha, out): each an address, a plane's and a row's stride."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_stream", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__stream(void)
{
    return PyModuleDef_Init(&definition);
}
