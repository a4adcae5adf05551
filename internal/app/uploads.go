package app

import (
	"context"
	"path/filepath"

	"minilab/internal/httpx"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/uploads"
)

// uploadsFolder lies in the data folder, beside those of the images, under the
// lock of the storage.
const uploadsFolder = "uploads"

// startUploads takes in images piece by piece, beside the storage.
func (a *app) startUploads(ctx context.Context, s *filestorage.Store, rt *httpx.Router) error {
	service, err := uploads.New(uploads.Config{
		Dir: filepath.Join(a.cfg.Data, uploadsFolder), Store: s.Identity(), KV: a.kv, Keep: a.cfg.UploadKeep, Room: s.Room,
		Log: a.Log.With("service", "storage"),
	})
	if err != nil {
		return err
	}
	a.uploads = service
	uploads.Route(rt, service)
	a.background(ctx, service.Run)
	return nil
}
