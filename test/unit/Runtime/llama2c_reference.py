"""Tokenizes texts by llama2.c's algorithm, step by step and slowly: the reference for the runtime's tokenizer.

usage: llama2c_reference.py TOKENIZER.bin DIRECTORY COUNT     prints the ids of the files 0, 1, ... one text a line
"""
import struct
import sys


def read_tokenizer(path):
    data = open(path, "rb").read()
    at, vocabulary = 4, []
    while at < len(data):
        score, length = struct.unpack_from("<fi", data, at)
        vocabulary.append((data[at + 8 : at + 8 + length], score))
        at += 8 + length
    return vocabulary


def encode(vocabulary, text):
    ids = {}
    for token, (piece, _) in enumerate(vocabulary):
        ids.setdefault(piece, token)
    tokens = [ids[b" "]] if text else []
    character = b""
    for i, byte in enumerate(text):
        if byte & 0xC0 != 0x80:
            character = b""
        character += bytes([byte])
        if i + 1 < len(text) and text[i + 1] & 0xC0 == 0x80 and len(character) < 4:
            continue
        tokens += [ids[character]] if character in ids else [b + 3 for b in character]
        character = b""
    while True:
        best_score, best = -1e10, None
        for i in range(len(tokens) - 1):
            merged = ids.get(vocabulary[tokens[i]][0] + vocabulary[tokens[i + 1]][0])
            if merged is not None and vocabulary[merged][1] > best_score:
                best_score, best = vocabulary[merged][1], (i, merged)
        if best is None:
            return [1] + tokens
        tokens[best[0] : best[0] + 2] = [best[1]]


def main():
    vocabulary = read_tokenizer(sys.argv[1])
    for i in range(int(sys.argv[3])):
        text = open(f"{sys.argv[2]}/{i}", "rb").read()
        print("".join(f"{token} " for token in encode(vocabulary, text)))


main()
