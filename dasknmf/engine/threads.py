from dasknmf.blas import one_blas_thread as one_blas_thread
