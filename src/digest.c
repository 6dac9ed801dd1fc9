#include "digest.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int update_from_file(EVP_MD_CTX *context, int file, struct error *error)
{
    unsigned char buffer[65536];
    ssize_t got;
    if (lseek(file, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot be read");
    while ((got = read(file, buffer, sizeof buffer)) > 0)
        if (EVP_DigestUpdate(context, buffer, (size_t)got) != 1)
            return error_set(error, "libcrypto cannot compute SHA-256");
    if (got < 0 || lseek(file, 0, SEEK_SET) != 0)
        return error_set_errno(error, "cannot be read");
    return 0;
}

static void print_digits(const unsigned char *hash, unsigned length, char *text)
{
    for (unsigned i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

int digest_file(int file, char text[DIGEST_TEXT_BYTES], struct error *error)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return error_set(error, "libcrypto cannot compute SHA-256");
    }
    int result = update_from_file(context, file, error);
    if (result == 0 && EVP_DigestFinal_ex(context, hash, &length) != 1)
        result = error_set(error, "libcrypto cannot compute SHA-256");
    EVP_MD_CTX_free(context);
    if (result == 0)
        print_digits(hash, length, text);
    return result;
}

int digest_path(const char *path, char text[DIGEST_TEXT_BYTES], struct error *error)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return error_set_errno(error, "cannot be read");
    int result = digest_file(file, text, error);
    close(file);
    return result;
}

int digest_bytes(const void *bytes, size_t size, char text[DIGEST_TEXT_BYTES], struct error *error)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (EVP_Digest(bytes, size, hash, &length, EVP_sha256(), NULL) != 1)
        return error_set(error, "libcrypto cannot compute SHA-256");
    print_digits(hash, length, text);
    return 0;
}

bool digest_is_text(const char *text)
{
    return strspn(text, "0123456789abcdef") >= DIGEST_TEXT_BYTES - 1;
}
