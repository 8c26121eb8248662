# The gateway, or an agent, as a small image: docs/operate/containers.md.
# Both stages are of one distribution (Ubuntu 24.04): the file needs the C library that it was linked against, or a later one.
FROM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends clang zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN eng/publish

# With OpenSSL and the certificates of authorities, which calls to https addresses need; the C library is all else.
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0-noble
COPY --from=build /source/artifacts/publish/pollard /usr/local/bin/pollard
# The image's own user without rights; a new volume takes the folder's owner over.
RUN install -d -m 700 -o $APP_UID -g $APP_UID /data
USER $APP_UID
ENV POLLARD_DATA=/data
VOLUME /data
EXPOSE 7655 7656
# Of the gateway; an agent's container turns it off. The image has no curl.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7655 && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && grep -q '^HTTP/1.1 200' <&3"]
ENTRYPOINT ["pollard"]
CMD ["serve", "--urls", "http://0.0.0.0:7655"]
